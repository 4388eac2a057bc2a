/* suspect.c - MemStats before and after a thousand calls of a suspect: what a call takes, and what it keeps. */
#include <cruntime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 1000 };

/* join - "a,b,c" of n words, in a block that grows with each; the caller frees it. */
static char *join(const char *const words[], size_t n)
{
    char *text = calloc(1, 1);
    for (size_t i = 0; i < n && text; i++) {
        char *word = strdup(words[i]); /* for no reason, and nobody frees it */
        text = realloc(text, strlen(text) + strlen(word) + 2);
        strcat(strcat(text, i ? "," : ""), word);
    }
    return text;
}

int main(void)
{
    static const char *const rooms[] = {"Green", "Red", "Yellow"};
    struct rt_memstats before, after;
    rt_read_memstats(&before);
    for (int i = 0; i < CALLS; i++)
        free(join(rooms, 3));
    rt_read_memstats(&after);
    printf("a call: %.2f mallocs, %.2f frees, %.2f bytes allocated, %.2f bytes kept\n",
           (double)(after.Mallocs - before.Mallocs) / CALLS, (double)(after.Frees - before.Frees) / CALLS,
           (double)(after.TotalAlloc - before.TotalAlloc) / CALLS,
           ((double)after.HeapAlloc - (double)before.HeapAlloc) / CALLS);
    for (int i = 0; i < RT_SIZE_CLASSES; i++)
        if (after.BySize[i].Mallocs - before.BySize[i].Mallocs >= CALLS)
            printf("  of %3u bytes: %.2f mallocs, %.2f frees\n", after.BySize[i].Size,
                   (double)(after.BySize[i].Mallocs - before.BySize[i].Mallocs) / CALLS,
                   (double)(after.BySize[i].Frees - before.BySize[i].Frees) / CALLS);
    return 0;
}
