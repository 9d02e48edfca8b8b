"""Who refers to whom: one module for each family of references. Each function yields the edges of one relation."""
