"""Sphinx's settings: `make docs` builds docs/ into docs/_build, with warnings as errors and without a network.

The Markdown files stay as they are read in the repository; docs/_ext holds what the site adds to them.
"""

import configparser
import os
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "_ext")]

metadata = configparser.ConfigParser()
metadata.read(ROOT / "setup.cfg", encoding="utf-8")
REPOSITORY = metadata["metadata"]["url"]

project = "refsbnn"
author = metadata["metadata"]["author"]
copyright = author

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_copybutton",
    "equations",  # the mathematics of theory.md
    "plain",  # docstrings are plain text
    "repository",  # links that leave docs/
    "spoken",  # levels of headings, parts that scroll
    "pictures",  # figures by name
    "audited",  # the audit as a part of the site
    "surveyed",  # the libraries that are installed
    "mathml",  # LaTeX of the pages
    "drawn",  # docs/estimators/figures.py, run before the pages that show its figures are read
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "_ext", "_generated/**", "gallery/**", "tutorials/*.rst", "**/README.md"]
suppress_warnings = [
    "config.cache",  # sphinx-gallery's sorting key, an object
]
default_role = "code"
smartquotes = False  # a prime of the theory is no apostrophe

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence", "attrs_inline"]

autodoc_typehints = "none"  # numpydoc's sections say the types, with shapes
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

# The executed examples.
_galleries = [(name, f"_{name}") for name in ("tutorials", "gallery")]
sphinx_gallery_conf = {
    "examples_dirs": [source for source, _ in _galleries],
    "gallery_dirs": [built for _, built in _galleries],
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"__init__\.py",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "parallel": min(os.cpu_count() or 1, 4),
    "show_signature": False,
    "min_reported_time": 60,
    "plot_gallery": "True",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "reset_modules": ("matplotlib", "look.apply"),  # docs/_ext/look.py
    "write_computation_times": False,
    "capture_repr": (),  # what is printed, and no addresses of objects
    "notebook_extensions": set(),
}

html_theme = "furo"
html_title = "refsbnn"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css", "gallery.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_show_search_summary = False  # summaries are fetched, which a page opened as a file may not
html_theme_options = {
    "source_repository": f"{REPOSITORY}/",
    "source_branch": "main",
    "source_directory": "docs/",
    "navigation_with_keys": False,
}
repository_address = REPOSITORY
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"
