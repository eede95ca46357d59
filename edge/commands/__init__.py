"""The commands of the device, one file each, and what all command lines here share."""
