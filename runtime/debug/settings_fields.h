/* settings_fields.h - the knobs that POST /debug/settings changes: what each is called and what it takes.
 *
 * Pure; what a value does is page_actions.c's business.
 */
#ifndef RT_DEBUG_SETTINGS_FIELDS_H
#define RT_DEBUG_SETTINGS_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rt__settings_field {
    RT__SET_GC_PERCENT,
    RT__SET_MEMORY_LIMIT,
    RT__SET_MEM_PROFILE_RATE,
    RT__SET_MUTEX_PROFILE_FRACTION,
    RT__SET_BLOCK_PROFILE_RATE,
    RT__SETTINGS_FIELDS
};

/* All names, for a sentence that says what is wanted. */
#define RT__SETTINGS_NAMES "gc_percent, memory_limit, mem_profile_rate, mutex_profile_fraction or block_profile_rate"

const char *rt__settings_name(enum rt__settings_field field);
/* 0, or -1 for a name that no field has. */
int rt__settings_find(const char *name, enum rt__settings_field *field);
/* "want ..." */
const char *rt__settings_want(enum rt__settings_field field);
/* text as the field takes it; 0 or -1. *value is what the knob's rt_set_... takes, and for "off" what
 * rt__settings_is_off knows. */
int rt__settings_parse(enum rt__settings_field field, const char *text, int64_t *value);
bool rt__settings_is_off(enum rt__settings_field field, int64_t value);
/* Whether the field's values are texts in JSON, such as "64MiB". Of the others only "off" is: a number in quotes is a
 * slip. */
bool rt__settings_takes_text(enum rt__settings_field field);

#endif
