package frametest

import (
	"bytes"
	"encoding/xml"
	"io"
	"strconv"
	"strings"
)

// Cell is what a reader of ODF sees.
type Cell struct{ Kind, Value, Text, Formula string }

// ReadSheets reads content.xml or a flat ODF spreadsheet as the standard says: blanks
// fold (raw ones after a line end are kept, LibreOffice writes them), text:s does not.
// Blank cells and rows at the end are left out.
func ReadSheets(content []byte) (map[string][][]Cell, error) {
	d := xml.NewDecoder(bytes.NewReader(content))
	all := map[string][][]Cell{}
	name := ""
	var row []Cell
	var now Cell
	repeated, rowRepeated, blankCells, blankRows := 1, 1, 0, 0
	var text []rune
	paragraphs := 0
	inText := false
	attr := func(e xml.StartElement, name string) string {
		for _, a := range e.Attr {
			if a.Name.Local == name {
				return a.Value
			}
		}
		return ""
	}
	for {
		tok, err := d.Token()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		switch e := tok.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "table":
				name, blankRows = attr(e, "name"), 0
			case "table-row":
				row, rowRepeated, blankCells = nil, times(attr(e, "number-rows-repeated")), 0
			case "table-cell":
				now = Cell{Kind: attr(e, "value-type"), Value: attr(e, "value") + attr(e, "date-value") + attr(e, "time-value"), Formula: attr(e, "formula")}
				repeated, text, paragraphs = times(attr(e, "number-columns-repeated")), nil, 0
			case "p":
				if paragraphs++; paragraphs > 1 {
					text = append(text, '\n')
				}
				inText = true
			case "s":
				text = append(text, []rune(strings.Repeat("\x00", times(attr(e, "c"))))...)
			case "tab":
				text = append(text, '\t')
			}
		case xml.CharData:
			if inText {
				for _, r := range string(e) {
					if r == ' ' && (len(text) == 0 || text[len(text)-1] == ' ') {
						continue // folded
					}
					text = append(text, r)
				}
			}
		case xml.EndElement:
			switch e.Name.Local {
			case "p":
				if len(text) > 0 && text[len(text)-1] == ' ' {
					text = text[:len(text)-1]
				}
				inText = false
			case "table-cell":
				now.Text = strings.ReplaceAll(string(text), "\x00", " ")
				if now == (Cell{}) {
					blankCells += repeated
					continue
				}
				row = append(row, make([]Cell, blankCells)...)
				blankCells = 0
				for range repeated {
					row = append(row, now)
				}
			case "table-row":
				if len(row) == 0 {
					blankRows += rowRepeated
					continue
				}
				all[name] = append(all[name], make([][]Cell, blankRows)...)
				blankRows = 0
				for range rowRepeated {
					all[name] = append(all[name], row)
				}
			}
		}
	}
}

// times is the number of a repetition; without one it is 1.
func times(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return 1
}
