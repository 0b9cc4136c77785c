"""Networks for other libraries and from them."""
