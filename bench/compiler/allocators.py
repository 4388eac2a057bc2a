"""Which functions hand out memory from a heap: the calls of these are the report's allocation sites.

Pure: a list of names. It holds libc's, the runtime's own and those of the heaps and libraries that
the program is built on; what only frees is not among them. A function that allocates inside a library
and is not named here (fopen, PQexec) is no site: the list is of memory that the caller asks for.
"""

import re

ALLOCATORS = re.compile(
    r"(?:(?:c|re)?alloc|malloc|reallocarray|aligned_alloc|posix_memalign|memalign|p?valloc"
    r"|(?:str|wcs)n?dup|v?asprintf|get(?:line|delim)|open_w?memstream|mmap(?:64)?"
    r"|rt_(?:scope_)?(?:alloc(?:_\w+)?|realloc|strn?dup)|rt_pool_get|rt__os_map(?:_if_any)?"
    r"|GC_(?:\w+_)?(?:(?:m|re)alloc\w*|memalign|strn?dup)"
    r"|mi_\w*(?:alloc|dup)\w*"
    r"|h2o_mem_(?:re)?alloc\w*|h2o_strdup\w*|sqlite3_(?:malloc|realloc|v?mprintf)\w*)$")

# Names under which the compiler or libc's headers call the same: __getdelim, __builtin_calloc, __asprintf_chk.
DRESSED = re.compile(r"^(?:__builtin_|__)(?!_)(.*?)(?:_chk)?$")


def plain(name):
    """A function's name as a source writes it."""
    dressed = DRESSED.match(name)
    return dressed[1] if dressed else name


def allocates(name):
    """Whether a call of the function is an allocation site."""
    return ALLOCATORS.match(plain(name)) is not None
