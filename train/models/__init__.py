"""The EMO model: a diffusers video UNet with EMO's own parts, each in a file."""
