"""What `vsdpo_jax.inspect` writes about one render: JSON, a picture and a page."""
