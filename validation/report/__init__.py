"""The audit report: the text table, the drawings and the HTML page."""
