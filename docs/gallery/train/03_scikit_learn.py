"""
A classifier for scikit-learn
=============================

``SBNNClassifier`` goes into pipelines, cross-validation and searches like any other.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from refsbnn.classifier import SBNNClassifier

x, y = load_wine(return_X_y=True)
rivals = {
    "binary network": SBNNClassifier(hidden=(32,), epochs=20),
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
}
for name, rival in rivals.items():
    scores = cross_val_score(rival, x, y, cv=3)
    print(f"{name:<20} accuracy {scores.mean():.3f}, from {scores.min():.3f} to {scores.max():.3f} in three folds")

# %%
x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
fitted = rivals["binary network"].fit(x_train, y_train)
ConfusionMatrixDisplay.from_estimator(fitted, x_test, y_test, cmap="Blues", colorbar=False)
plt.gca().set(xlabel="predicted cultivar", ylabel="true cultivar")
plt.gca().grid(False)
