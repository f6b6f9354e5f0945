// Package sheet reads and writes workbooks (.xlsx) as plain rows of texts. It
// knows nothing of questionnaires; it is the room of excelize below content.
package sheet

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/xuri/excelize/v2"
)

// Bounds of a workbook that is read.
const (
	maxParts    = 200
	maxUnpacked = 60 << 20 // bytes of all parts together
	maxSheets   = 20
	maxRows     = 20_000 // of all sheets together
	maxColumns  = 300
	maxCell     = 32_767 // characters, Excel's own bound
)

// Sheet is one sheet of a workbook.
type Sheet struct {
	Name string
	Rows [][]string
}

// Read gives the sheets of a workbook, cells as texts. Workbooks beyond the
// bounds are an error before they are unpacked.
func Read(b []byte) ([]Sheet, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("no workbook: %w", err)
	}
	if len(z.File) > maxParts {
		return nil, errors.New("the workbook has too many parts")
	}
	var total uint64
	for _, f := range z.File {
		if total += f.UncompressedSize64; f.UncompressedSize64 > maxUnpacked || total > maxUnpacked {
			return nil, fmt.Errorf("the workbook unpacks to more than %d MB", maxUnpacked>>20)
		}
	}
	// The sizes above are claims; the limit makes excelize hold them.
	book, err := excelize.OpenReader(bytes.NewReader(b), excelize.Options{UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: maxUnpacked, RawCellValue: true})
	if err != nil {
		return nil, fmt.Errorf("no workbook: %w", err)
	}
	defer book.Close()
	names := book.GetSheetList()
	if len(names) > maxSheets {
		return nil, fmt.Errorf("more than %d sheets", maxSheets)
	}
	var sheets []Sheet
	count := 0
	for _, name := range names {
		rows, err := book.Rows(name)
		if err != nil {
			return nil, fmt.Errorf("sheet %s: %w", name, err)
		}
		s := Sheet{Name: name}
		for rows.Next() {
			if count++; count > maxRows {
				rows.Close()
				return nil, fmt.Errorf("more than %d rows", maxRows)
			}
			cells, err := rows.Columns()
			if err != nil {
				rows.Close()
				return nil, fmt.Errorf("sheet %s: %w", name, err)
			}
			if len(cells) > maxColumns {
				rows.Close()
				return nil, fmt.Errorf("more than %d columns", maxColumns)
			}
			s.Rows = append(s.Rows, cells)
		}
		if err := rows.Close(); err != nil {
			return nil, err
		}
		sheets = append(sheets, s)
	}
	return sheets, nil
}

// Write makes a workbook. All cells are texts, so that no program takes one for
// a formula or a number.
func Write(sheets []Sheet) ([]byte, error) {
	book := excelize.NewFile()
	defer book.Close()
	for i, s := range sheets {
		if i == 0 {
			if err := book.SetSheetName("Sheet1", s.Name); err != nil {
				return nil, err
			}
		} else if _, err := book.NewSheet(s.Name); err != nil {
			return nil, err
		}
		for r, row := range s.Rows {
			for c, text := range row {
				if text == "" {
					continue
				}
				if n := len([]rune(text)); n > maxCell {
					return nil, fmt.Errorf("a text of %d characters; a cell holds %d", n, maxCell)
				}
				cell, err := excelize.CoordinatesToCellName(c+1, r+1)
				if err != nil {
					return nil, err
				}
				if err := book.SetCellStr(s.Name, cell, strings.ToValidUTF8(text, "")); err != nil {
					return nil, err
				}
			}
		}
	}
	var b bytes.Buffer
	if err := book.Write(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
