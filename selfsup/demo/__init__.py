"""A page in the browser that colors photographs."""
