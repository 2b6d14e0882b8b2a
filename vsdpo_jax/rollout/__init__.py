"""Sampling responses: prefill once per prompt, then decode all branches together."""
