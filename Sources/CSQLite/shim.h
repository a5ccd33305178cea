#include <sqlite3.h>

// What Swift cannot import: macros with casts and variadic functions.

static inline int altostack_sqlite_bind_text(sqlite3_stmt *statement, int position, const char *text, sqlite3_uint64 bytes) {
    return sqlite3_bind_text64(statement, position, text, bytes, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static inline int altostack_sqlite_bind_blob(sqlite3_stmt *statement, int position, const void *value, sqlite3_uint64 bytes) {
    return sqlite3_bind_blob64(statement, position, value, bytes, SQLITE_TRANSIENT);
}

// A misspelt "column" in double quotes shall be an error, as it is in PostgreSQL, not a string.
static inline int altostack_sqlite_refuse_quoted_strings(sqlite3 *database) {
    int code = sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DML, 0, (int *)0);
    return code != SQLITE_OK ? code : sqlite3_db_config(database, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)0);
}
