"""From files to training items: manifests, decoded audio, mixing, augmentation."""
