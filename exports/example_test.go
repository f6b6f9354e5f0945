package exports_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"servicepoint/exports"
)

func ExampleWriteWorkbook() {
	dir, err := os.MkdirTemp("", "sheets")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	s := fixture(responses())
	sum, err := exports.WriteWorkbook(context.Background(), filepath.Join(dir, "umfrage.xlsx"), s, nil)
	fmt.Println(sum.Rows, "rows,", sum.Truncated, "shortened,", err)
	// Output: 4 rows, 0 shortened, <nil>
}
