/* fuzz.h - what is fuzzed: everything that takes bytes from outside apart.
 *
 * Each function hands the input to one parser and checks what must hold whatever came in (aborting
 * otherwise). `make fuzz` lets libFuzzer think up inputs under ASan and UBSan; inputs that broke
 * something are kept in tests/fuzz/seeds/NAME, where libFuzzer starts from them and where
 * tests/unit/app/fuzz_seeds.c runs them as tests of every build.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

void fuzz_body(const uint8_t *data, size_t size);   /* JSON and form bodies */
void fuzz_token(const uint8_t *data, size_t size);  /* JSON web tokens */
void fuzz_query(const uint8_t *data, size_t size);  /* query strings, and the days in them */
void fuzz_path(const uint8_t *data, size_t size);   /* paths against the table of routes */
void fuzz_config(const uint8_t *data, size_t size); /* configuration files */
void fuzz_debug(const uint8_t *data, size_t size);  /* parameters, addresses and settings below /debug */
void fuzz_agent(const uint8_t *data, size_t size);  /* heads of HTTP, hosts and numbers that the agent is sent */

/* fuzz_require - the input has shown that something does not hold. */
#define fuzz_require(claim) ((claim) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #claim))
void fuzz_fail(const char *file, int line, const char *claim) __attribute__((noreturn));

/* fuzz_is_text - whether text is valid UTF-8 without control over what a JSON answer may hold. */
int fuzz_is_utf8(const char *text, size_t len);

#endif
