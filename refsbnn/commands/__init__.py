"""The sub-commands of `refsbnn` that train and predict: arguments in, printed tables and files out."""
