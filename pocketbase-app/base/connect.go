package base

import (
	"net/url"
	"strings"

	"github.com/pocketbase/dbx"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// Connect opens a SQLite file for PocketBase (core.DBConnectFunc) with the
// pragmas that were measured: transactions take the write lock at once
// (a DEFERRED one fails with 517 when another process commits in between), a
// busy timeout of 5 s, WAL, and synchronous=FULL for the main database because
// an acknowledged answer must survive a power cut. The auxiliary database holds
// only logs and keeps NORMAL.
func Connect(path string) (*dbx.DB, error) {
	synchronous := "FULL"
	if strings.HasSuffix(path, "auxiliary.db") {
		synchronous = "NORMAL"
	}
	return dbx.Open("sqlite", dsn(path, false, map[string]string{
		"journal_mode":       "WAL",
		"synchronous":        synchronous,
		"journal_size_limit": "200000000",
		"foreign_keys":       "ON",
		"temp_store":         "MEMORY",
		"cache_size":         "-32000",
		"secure_delete":      "ON", // what is erased is overwritten: drafts, addresses
	}))
}

// ConnectUrn opens the file of answers that wait for others: nothing stays behind
// of what was deleted, neither in its pages nor in a journal. Its transactions
// survive a power cut.
func ConnectUrn(path string) (*dbx.DB, error) {
	return dbx.Open("sqlite", dsn(path, false, map[string]string{
		"journal_mode":  "TRUNCATE",
		"synchronous":   "FULL",
		"temp_store":    "MEMORY",
		"secure_delete": "ON",
	}))
}

// ConnectSnapshot opens a read-only connection whose transactions are DEFERRED:
// the first query fixes the snapshot that an export reads from. The caller closes it.
func ConnectSnapshot(path string) (*dbx.DB, error) {
	db, err := dbx.Open("sqlite", dsn(path, true, map[string]string{"query_only": "ON", "cache_size": "-32000"}))
	if err != nil {
		return nil, err
	}
	db.DB().SetMaxOpenConns(1)
	return db, nil
}

func dsn(path string, readOnly bool, pragmas map[string]string) string {
	q := url.Values{}
	q.Add("_pragma", "busy_timeout(5000)") // first: WAL itself may have to wait
	for _, name := range []string{"journal_mode", "synchronous", "journal_size_limit", "foreign_keys", "temp_store", "cache_size", "secure_delete", "query_only"} {
		if v, ok := pragmas[name]; ok {
			q.Add("_pragma", name+"("+v+")")
		}
	}
	if readOnly {
		q.Set("mode", "ro")
	} else {
		q.Set("_txlock", "immediate")
		q.Set("_defensive", "1")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}
