/*
 * Texts that glibc's argp writes around our options and looks up in our catalogue. No compiler sees
 * this file: it is here for xgettext, so that they are translated with the rest.
 */
N_("Usage:")
N_("  or: ")
N_(" [OPTION...]")
N_("Mandatory or optional arguments to long options are also mandatory or optional for any corresponding short options.")
