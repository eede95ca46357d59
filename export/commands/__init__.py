"""The commands of export, one file each."""
