"""Faults on purpose: what refsbnn does with damaged and hostile files, and with kills at any moment."""
