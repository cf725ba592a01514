"""The facts. Immutable; built whole, swapped whole."""
