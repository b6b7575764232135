"""Values and gradients of a formula."""
