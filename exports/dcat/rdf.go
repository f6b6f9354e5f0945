package dcat

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"servicepoint/content"
	"servicepoint/exports/frame"
)

// node is a thing and what is said of it. Its values are iri, literal and *node.
type node struct {
	id    string // "": a blank node
	kind  string
	names []string // of the properties, as they came
	props map[string][]any
}

type iri string

type literal struct{ text, lang, kind string }

func (n *node) add(name string, value any) {
	if n.props == nil {
		n.props = map[string][]any{}
	}
	if n.props[name] == nil {
		n.names = append(n.names, name)
	}
	n.props[name] = append(n.props[name], value)
}

func (n *node) iri(name, address string) {
	if address != "" {
		n.add(name, iri(address))
	}
}

func (n *node) text(name, text string) {
	if text != "" {
		n.add(name, literal{text: text})
	}
}

func (n *node) texts(name string, t content.Text) {
	for _, lang := range slices.Sorted(maps.Keys(t)) {
		if t[lang] != "" {
			n.add(name, literal{text: t[lang], lang: content.Locale(lang)})
		}
	}
}

func (n *node) moment(name string, at time.Time) {
	if !at.IsZero() {
		n.add(name, literal{text: at.UTC().Format(time.RFC3339), kind: "xsd:dateTime"})
	}
}

func (n *node) day(name, day string) {
	if day != "" {
		n.add(name, literal{text: day, kind: "xsd:date"})
	}
}

// Turtle writes the dataset as RDF 1.1 Turtle.
func (d Dataset) Turtle(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, p := range prefixes {
		fmt.Fprintf(out, "@prefix %s: <%s> .\n", p[0], p[1])
	}
	fmt.Fprintf(out, "\n%s", iri(d.Address).turtle())
	d.graph().turtle(out, "  ")
	fmt.Fprint(out, " .\n")
	return out.Flush()
}

func (n *node) turtle(out io.Writer, indent string) {
	fmt.Fprintf(out, " a %s", n.kind)
	for _, name := range n.names {
		fmt.Fprintf(out, " ;\n%s%s", indent, name)
		for i, value := range n.props[name] {
			if i > 0 {
				fmt.Fprint(out, " ,")
			}
			switch value := value.(type) {
			case iri:
				fmt.Fprint(out, " ", value.turtle())
			case literal:
				fmt.Fprint(out, " ", value.turtle())
			case *node:
				fmt.Fprint(out, " [")
				value.turtle(out, indent+"  ")
				fmt.Fprint(out, " ]")
			}
		}
	}
}

// turtle is the address in <>, with what may not stand there escaped.
func (i iri) turtle() string { return "<" + i.escaped() + ">" }

func (i iri) escaped() string {
	var b strings.Builder
	for _, r := range string(i) {
		if r <= ' ' || strings.ContainsRune("<>\"{}|^`\\", r) || r == '\uFFFD' {
			fmt.Fprintf(&b, "%%%02X", string(r))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

var turtleEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

func (l literal) turtle() string {
	text, _ := frame.Tidy(l.text)
	s := `"` + turtleEscapes.Replace(text) + `"`
	switch {
	case l.lang != "":
		s += "@" + l.lang
	case l.kind != "":
		s += "^^" + l.kind
	}
	return s
}

// JSONLD writes the dataset as JSON-LD 1.1.
func (d Dataset) JSONLD(w io.Writer) error {
	vocabulary := map[string]string{}
	for _, p := range prefixes {
		vocabulary[p[0]] = p[1]
	}
	doc := d.graph().json()
	doc["@context"] = vocabulary
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

func (n *node) json() map[string]any {
	doc := map[string]any{"@type": n.kind}
	if n.id != "" {
		doc["@id"] = iri(n.id).escaped()
	}
	for _, name := range n.names {
		var values []any
		for _, value := range n.props[name] {
			switch value := value.(type) {
			case iri:
				values = append(values, map[string]any{"@id": value.escaped()})
			case literal:
				text, _ := frame.Tidy(value.text)
				one := map[string]any{"@value": text}
				if value.lang != "" {
					one["@language"] = value.lang
				} else if value.kind != "" {
					one["@type"] = value.kind
				}
				values = append(values, one)
			case *node:
				values = append(values, value.json())
			}
		}
		doc[name] = values
	}
	return doc
}
