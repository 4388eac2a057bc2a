/* join_bench.c - how a text is put together from n words: grown word by word, or, with -DMEASURED, made at its size. */
#include <rt_bench.h>
#include <stdlib.h>
#include <string.h>

static const char word[] = "/green_0001.jpg";

#ifdef MEASURED
static char *join(size_t n)
{
    char *text = malloc(n * sizeof word + 1), *end = text;
    for (size_t i = 0; i < n && text; i++) {
        memcpy(end, word, sizeof word - 1);
        end += sizeof word - 1;
        *end++ = ',';
    }
    if (text)
        *end = '\0';
    return text;
}
#else
static char *join(size_t n)
{
    char *text = calloc(1, 1);
    for (size_t i = 0; i < n && text; i++) {
        text = realloc(text, strlen(text) + sizeof word + 1);
        strcat(strcat(text, word), ",");
    }
    return text;
}
#endif

static void join_words(struct rt_bench *b)
{
    size_t n = *(size_t *)rt_bench_arg(b);
    rt_bench_report_allocs(b);
    for (int64_t i = 0; i < rt_bench_n(b); i++) {
        char *text = join(n);
        rt_bench_keep(text);
        free(text);
    }
}

RT_BENCHMARK(Join)
{
    size_t few = 4, many = 64;
    rt_bench_run(b, "4", join_words, &few);
    rt_bench_run(b, "64", join_words, &many);
}

int main(int argc, char **argv)
{
    return rt_bench_main(argc, argv, "guide/join");
}
