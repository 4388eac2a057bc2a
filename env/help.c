/* help.c - the table of knobs for people: `app --help-env`, and the page docs/variables.md.
 *
 * Both walk env__knobs and add no fact of their own. The terminal text shows this build and this
 * machine (the default of CMAXPROCS as counted here); the page must come out the same on every
 * machine and in every build, because a check compares it with the committed one.
 */
#include "env/settings.h"
#include "env/knobs.h"

#include <string.h>

#define TERMINAL_COLUMNS 80
#define TEXT_INDENT 24 /* wide enough for the longest name, as a key is two columns in */

static const char *want_phrase(const char *want)
{
    return want + strlen("want ");
}

/* text in lines of TERMINAL_COLUMNS at most, each indented; broken at blanks only. */
static void print_wrapped(FILE *out, const char *text)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (column == 0)
            column = (size_t)fprintf(out, "%*s%.*s", TEXT_INDENT, "", (int)len, text);
        else if (column + 1 + len <= TERMINAL_COLUMNS)
            column += (size_t)fprintf(out, " %.*s", (int)len, text);
        else
            column = (size_t)fprintf(out, "\n%*s%.*s", TEXT_INDENT, "", (int)len, text) - 1;
        text += len;
        text += *text == ' ';
    }
    fputc('\n', out);
}

/* The default as text: what its variable would take, or none where nothing expresses it. */
static const char *default_text(const struct env_settings *s, enum env_knob knob, char *buf, size_t size)
{
    return env_knob_value(s, knob, buf, size) == 0 ? "none" : buf;
}

static void text_entry(FILE *out, const struct env_settings *defaults, enum env_knob knob)
{
    char value[ENV_PATH_MAX];
    const char *unit = env_knob_unit(knob);
    int margin = env_knob_is_debug_key(knob) ? 2 : 0;

    fprintf(out, "\n%*s%-*s", margin, "", TEXT_INDENT - margin, env_knob_name(knob));
    fprintf(out, "default %s", default_text(defaults, knob, value, sizeof(value)));
    if (unit[0] != '\0')
        fprintf(out, " (%s)", unit);
    fputc('\n', out);
    print_wrapped(out, want_phrase(env_want(knob)));
    print_wrapped(out, env_knob_help(knob));
}

void env_help_text(FILE *out)
{
    struct env_settings defaults;

    env_settings_default(&defaults, env_cpus_default());
    fputs("Variables that the runtime reads at start. An empty one counts as not set; a\n"
          "malformed one, or an unknown key of CDEBUG, ends the program with status 2.\n",
          out);
    for (int i = 0; i < ENV_KNOBS; i++) {
        text_entry(out, &defaults, i);
        if (i == ENV_CDEBUG)
            fputs("\nKeys of CDEBUG:\n", out);
    }
}

/* ---- docs/variables.md ------------------------------------------------------------------------ */

static void markdown_row(FILE *out, const struct env_settings *defaults, enum env_knob which)
{
    char value[ENV_PATH_MAX];
    const struct knob *knob = &env__knobs[which];

    fprintf(out, "| `%s` | %s | ", knob->name, want_phrase(knob->page_want != NULL ? knob->page_want : knob->want));
    if (knob->page_default != NULL)
        fputs(knob->page_default, out);
    else if (env_knob_value(defaults, which, value, sizeof(value)) == 0)
        fputs("none", out);
    else
        fprintf(out, "`%s`", value);
    fprintf(out, " | %s |\n", knob->unit[0] != '\0' ? knob->unit : "-");
}

static void markdown_part(FILE *out, const struct env_settings *defaults, bool debug_keys)
{
    fprintf(out, "| %s | values | default | unit |\n| --- | --- | --- | --- |\n", debug_keys ? "key" : "variable");
    for (int i = 0; i < ENV_KNOBS; i++)
        if (env_knob_is_debug_key(i) == debug_keys)
            markdown_row(out, defaults, i);
    fputc('\n', out);
    for (int i = 0; i < ENV_KNOBS; i++)
        if (env_knob_is_debug_key(i) == debug_keys)
            fprintf(out, "- **%s**: %s\n", env_knob_name(i), env_knob_help(i));
}

void env_help_markdown(FILE *out)
{
    struct env_settings defaults;

    env_settings_default(&defaults, 1);
    fputs("# Variables\n\n"
          "Made from `env/knobs.def` by `make docs`; edit that, not this.\n\n"
          "The runtime reads these at start. An empty variable counts as not set. A malformed one ends the program\n"
          "with status 2 and one line on stderr that names the variable, its value and what is wanted:\n"
          "`app: CGC=abc: ",
          out);
    fputs(env_want(ENV_CGC), out);
    fputs("`.\n\n", out);
    markdown_part(out, &defaults, false);
    fputs("\n## Keys of CDEBUG\n\n", out);
    markdown_part(out, &defaults, true);
}
