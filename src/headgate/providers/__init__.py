"""Where vendors listen and how they differ: rows, and small functions beside them."""
