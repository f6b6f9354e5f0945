package spss

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"servicepoint/exports/frame"
)

// WriteR writes an R script that reads the CSV of the same frame
// (exports/delimited.NewCSV), which lies beside it under the given name. It needs
// base R only and makes three data frames: "codes" as in the CSV, "daten" with
// factors, numbers and days, and "gruende" with the reasons for having no answer.
func WriteR(w io.Writer, f *frame.Frame, widths *Widths, csv string, o Options) error {
	vars, err := plan(f, widths, o.lang())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	say := func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) }
	say("# %s", oneLine(words(f.Title, o.lang(), f.Name)))
	for _, note := range o.Notes {
		say("# %s", oneLine(note))
	}
	say("# %d Zeilen. Aufruf, mit der CSV-Datei im Arbeitsverzeichnis: source(%s, encoding = \"UTF-8\")", widths.rows, rString(f.Name+".R"))
	say("# codes: wie in der Datei; daten: mit Faktoren, Zahlen und Tagen, NA ohne Antwort;")
	say("# gruende: warum eine Antwort fehlt (NA: beantwortet oder nicht gefragt).")
	say("")
	say("datei <- %s", rString(csv))
	say("codes <- read.csv(datei, colClasses = \"character\", check.names = FALSE, na.strings = character(0),")
	say("  quote = \"\\\"\", comment.char = \"\", strip.white = FALSE, encoding = \"UTF-8\")")
	say("stopifnot(nrow(codes) == %d, ncol(codes) == %d)", widths.rows, len(vars))
	say("marken <- c(%s)", rPairs(len(marks), func(i int) (string, string) { return said[o.lang()].marks[i], rString(marks[i]) }))
	say("antwort <- function(x) ifelse(x == \"\" | x %%in%% marken, NA, x)")
	say("text <- function(x) { x <- antwort(x); ifelse(x %%in%% paste0(\" \", marken), substring(x, 2), x) }")
	say("daten <- data.frame(row.names = seq_len(nrow(codes)))")
	say("gruende <- data.frame(row.names = seq_len(nrow(codes)))")
	say("")
	for i := range vars {
		v := &vars[i]
		column := "codes[[" + rString(v.column.Name) + "]]"
		here := "daten[[" + rString(v.column.Name) + "]]"
		switch {
		case v.as == asCode:
			labels := uniqueLabels(v)
			say("%s <- factor(antwort(%s),", here, column)
			say("  levels = c(%s),", rList(len(labels), func(i int) string { return rString(v.column.Categories[i].Code) }))
			say("  labels = c(%s))", rList(len(labels), func(i int) string { return rString(labels[i]) }))
		case v.as == asNumber && v.column.Kind == frame.Flag, v.as == asNumber && v.column.Kind == frame.Integer && widths.columns[i].digits < 10:
			say("%s <- as.integer(antwort(%s))", here, column)
		case v.as == asNumber:
			say("%s <- as.numeric(antwort(%s))", here, column)
		case v.as == asDay:
			say("%s <- as.Date(antwort(%s))", here, column)
		default:
			say("%s <- text(%s)", here, column)
		}
		say("attr(%s, \"label\") <- %s", here, rString(v.label))
		if v.as == asNumber && len(v.column.Categories) > 0 {
			var named []value
			for _, one := range v.values {
				if !strings.HasPrefix(one.code, "?") {
					named = append(named, one)
				}
			}
			say("attr(%s, \"labels\") <- c(%s)", here, rPairs(len(named), func(i int) (string, string) { return named[i].label, fmt.Sprintf("%g", named[i].number) }))
		}
		if v.column.Marks {
			say("gruende[[%s]] <- factor(%s, levels = marken, labels = names(marken))", rString(v.column.Name), column)
		}
	}
	return out.Flush()
}

// uniqueLabels tells options with the same text apart: R would make one level of
// them.
func uniqueLabels(v *variable) []string {
	count := map[string]int{}
	for i := range v.column.Categories {
		count[v.values[i].label]++
	}
	labels := make([]string, len(v.column.Categories))
	for i, cat := range v.column.Categories {
		labels[i] = v.values[i].label
		if count[labels[i]] > 1 {
			labels[i] += " [" + cat.Code + "]"
		}
	}
	return labels
}

func rList(n int, item func(i int) string) string {
	all := make([]string, n)
	for i := range n {
		all[i] = item(i)
	}
	return strings.Join(all, ",\n    ")
}

func rPairs(n int, pair func(i int) (name, value string)) string {
	return rList(n, func(i int) string {
		name, value := pair(i)
		return rString(name) + " = " + value
	})
}

var rEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

func rString(s string) string { return `"` + rEscapes.Replace(s) + `"` }
