/* MemStats as JSON, against the text that Go's json.Marshal(runtime.MemStats{...}) gives. */
#include "runtime/cruntime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char *json_of(const struct rt_memstats *ms)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    rt_memstats_write_json(out, ms);
    fclose(out);
    return text;
}

/* Each field its own number, so that none can stand in for another. */
static void number_fields(struct rt_memstats *ms)
{
    memset(ms, 0, sizeof *ms);
    uint64_t *const fields[] = {
        &ms->Alloc,       &ms->TotalAlloc, &ms->Sys,        &ms->Lookups,   &ms->Mallocs,      &ms->Frees,
        &ms->HeapAlloc,   &ms->HeapSys,    &ms->HeapIdle,   &ms->HeapInuse, &ms->HeapReleased, &ms->HeapObjects,
        &ms->StackInuse,  &ms->StackSys,   &ms->MSpanInuse, &ms->MSpanSys,  &ms->MCacheInuse,  &ms->MCacheSys,
        &ms->BuckHashSys, &ms->GCSys,      &ms->OtherSys,   &ms->NextGC,    &ms->LastGC,       &ms->PauseTotalNs,
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        *fields[i] = 101 + i;
    ms->NextGC = UINT64_MAX;
    for (unsigned i = 0; i < 256; i++) {
        ms->PauseNs[i] = 1000 + i;
        ms->PauseEnd[i] = 2000 + i;
    }
    ms->NumGC = 4000000000u;
    ms->NumForcedGC = 7;
    ms->GCCPUFraction = 0.00000012345;
    ms->EnableGC = true;
    for (unsigned i = 0; i < RT_SIZE_CLASSES; i++) {
        ms->BySize[i].Size = 3000 + i;
        ms->BySize[i].Mallocs = 4000 + i;
        ms->BySize[i].Frees = 5000 + i;
    }
}

static void append_numbers(FILE *out, const char *name, unsigned from)
{
    fprintf(out, "\"%s\":[", name);
    for (unsigned i = 0; i < 256; i++)
        fprintf(out, "%s%u", i > 0 ? "," : "", from + i);
    fputs("],", out);
}

/* Names and order as json.Marshal of Go 1.26 printed them. */
static char *expected(void)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    fputs("{\"Alloc\":101,\"TotalAlloc\":102,\"Sys\":103,\"Lookups\":104,\"Mallocs\":105,\"Frees\":106,"
          "\"HeapAlloc\":107,\"HeapSys\":108,\"HeapIdle\":109,\"HeapInuse\":110,\"HeapReleased\":111,"
          "\"HeapObjects\":112,\"StackInuse\":113,\"StackSys\":114,\"MSpanInuse\":115,\"MSpanSys\":116,"
          "\"MCacheInuse\":117,\"MCacheSys\":118,\"BuckHashSys\":119,\"GCSys\":120,\"OtherSys\":121,"
          "\"NextGC\":18446744073709551615,\"LastGC\":123,\"PauseTotalNs\":124,",
          out);
    append_numbers(out, "PauseNs", 1000);
    append_numbers(out, "PauseEnd", 2000);
    fputs("\"NumGC\":4000000000,\"NumForcedGC\":7,\"GCCPUFraction\":1.2345e-7,\"EnableGC\":true,\"DebugGC\":false,"
          "\"BySize\":[",
          out);
    for (unsigned i = 0; i < 61; i++)
        fprintf(out, "%s{\"Size\":%u,\"Mallocs\":%u,\"Frees\":%u}", i > 0 ? "," : "", 3000 + i, 4000 + i, 5000 + i);
    fputs("]}", out);
    fclose(out);
    return text;
}

static void names_order_and_numbers_are_gos_to_the_byte(void **state)
{
    (void)state;
    struct rt_memstats ms;
    number_fields(&ms);
    char *got = json_of(&ms), *want = expected();
    assert_string_equal(got, want);
    free(got);
    free(want);
}

static void it_is_one_line_without_an_end(void **state)
{
    (void)state;
    struct rt_memstats ms;
    rt_read_memstats(&ms);
    char *got = json_of(&ms);
    assert_null(strchr(got, '\n'));
    assert_int_equal(got[0], '{');
    assert_int_equal(got[strlen(got) - 1], '}');
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_order_and_numbers_are_gos_to_the_byte),
        cmocka_unit_test(it_is_one_line_without_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
