"""What `checks.check` knows about each exercise: one module a chapter, loaded when first asked for."""
