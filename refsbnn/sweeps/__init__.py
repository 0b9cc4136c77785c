"""Grids, seeds and searches as independent runs of `refsbnn train`, on engines that exist."""
