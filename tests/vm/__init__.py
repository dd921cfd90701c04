"""The vm level: guests with a stock Debian kernel, where iSCSI, multipath and udev are real."""
