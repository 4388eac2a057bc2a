/* knobs.h - the settings as they stand, with where each came from. */
#ifndef RT_KNOBS_H
#define RT_KNOBS_H

struct env_settings;

void rt__knobs_start(const struct env_settings *settings);

#endif
