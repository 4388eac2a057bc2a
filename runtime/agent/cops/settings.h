/* settings.h - KEY=VALUE of the command line as the form that /debug/settings takes. Pure. */
#ifndef COPS_SETTINGS_H
#define COPS_SETTINGS_H

#include "runtime/agent/cops/cops.h"
#include "runtime/agent/cops/text.h"

/* What the page calls the knob that it shows as text (CGC is gc_percent), in any case of letters; NULL for others. */
const char *cops_setting_name(const char *text, size_t len);

/* n pairs KEY=VALUE; a key that is not known goes as it is, since the agent says best what it wants. */
bool cops_settings_form(struct cops_text *form, const char *const *pairs, int n, struct cops_error *error);

#endif
