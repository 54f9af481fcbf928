"""What is measured, one goal a module; `catalogue` lists them."""
