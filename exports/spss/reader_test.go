package spss_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// opened is a system file as this small reader sees it. It was written from the
// description of the format, not from the writer, and stops at what it does not
// expect.
type opened struct {
	label   string
	count   int
	vars    []*read
	notes   []string
	sets    string
	charset string
	attrs   map[string]string
	rows    [][]any // float64, string, or nil for system-missing
}

type read struct {
	name, label string
	width       int
	missing     []string // numbers or texts
	values      map[string]string
	format      int
	measure     int
}

type reader struct {
	b  []byte
	at int
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || r.at+n > len(r.b) {
		panic(fmt.Sprintf("%d bytes wanted at %d of %d", n, r.at, len(r.b)))
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *reader) int() int         { return int(int32(binary.LittleEndian.Uint32(r.bytes(4)))) }
func (r *reader) float() float64   { return math.Float64frombits(binary.LittleEndian.Uint64(r.bytes(8))) }
func (r *reader) str(n int) string { return string(r.bytes(n)) }

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func must(ok bool, what string, args ...any) {
	if !ok {
		panic(fmt.Sprintf(what, args...))
	}
}

func open(b []byte) (f *opened, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	r := &reader{b: b}
	must(r.str(4) == "$FL2", "no magic")
	r.str(60)
	must(r.int() == 2, "layout")
	elements := r.int()
	must(r.int() == 1, "compression")
	must(r.int() == 0, "weight")
	f = &opened{attrs: map[string]string{}, count: r.int()}
	must(r.float() == 100, "bias")
	r.str(9 + 8)
	f.label = strings.TrimRight(r.str(64), " ")
	r.str(3)
	type slot struct {
		v     *read
		short string
	}
	var slots []slot // one for every 8 bytes of a case
	var raw []*read
	byIndex := map[int]*read{}
	byShort := map[string]*read{}
	shorts := map[*read]string{}
	var measures [][]int
	long := map[string]string{}
	lengths := map[string]int{}
	var longLabels, longMissing []byte
	for done := false; !done; {
		switch kind := r.int(); kind {
		case 2:
			width, labelled, missing := r.int(), r.int(), r.int()
			form := r.int()
			r.int()
			name := strings.TrimRight(r.str(8), " ")
			v := &read{name: name, width: width, values: map[string]string{}, format: form >> 16}
			if labelled == 1 {
				n := r.int()
				v.label = r.str(n)
				r.str((4 - n%4) % 4)
			}
			for range missing {
				if width > 0 {
					v.missing = append(v.missing, strings.TrimRight(r.str(8), " \x00")) // PSPP fills up with NUL
				} else {
					v.missing = append(v.missing, number(r.float()))
				}
			}
			if width < 0 {
				slots = append(slots, slot{})
				continue
			}
			must(byShort[name] == nil, "%s twice", name)
			byShort[name], shorts[v] = v, name
			raw = append(raw, v)
			slots = append(slots, slot{v, name})
			byIndex[len(slots)] = v
		case 3:
			type pair struct{ value, label string }
			var pairs []pair
			for range r.int() {
				value := r.str(8)
				n := int(r.bytes(1)[0])
				label := r.str(n)
				r.str((8 - (n+1)%8) % 8)
				pairs = append(pairs, pair{value, label})
			}
			must(r.int() == 4, "labels without variables")
			for range r.int() {
				v := byIndex[r.int()]
				must(v != nil && v.width <= 8, "labels of a wrong variable")
				for _, p := range pairs {
					if v.width > 0 {
						v.values[strings.TrimRight(p.value, " \x00")] = p.label
					} else {
						v.values[number(math.Float64frombits(binary.LittleEndian.Uint64([]byte(p.value))))] = p.label
					}
				}
			}
		case 6:
			for range r.int() {
				f.notes = append(f.notes, strings.TrimRight(r.str(80), " "))
			}
		case 7:
			subtype, size, count := r.int(), r.int(), r.int()
			body := &reader{b: r.bytes(size * count)}
			text := string(body.b)
			switch subtype {
			case 7:
				f.sets = text
			case 11:
				for range count / 3 {
					measures = append(measures, []int{body.int(), body.int(), body.int()})
				}
			case 13:
				for _, p := range strings.Split(text, "\t") {
					k, v, _ := strings.Cut(p, "=")
					long[k] = v
				}
			case 14:
				for _, p := range strings.Split(strings.TrimSuffix(text, "\x00\t"), "\x00\t") {
					k, v, _ := strings.Cut(p, "=")
					lengths[k], _ = strconv.Atoi(v)
				}
			case 16:
				body.bytes(8)
				must(int(binary.LittleEndian.Uint64(body.bytes(8))) == f.count, "two counts")
			case 18:
				for _, p := range strings.Split(text, ")/") {
					k, v, _ := strings.Cut(p, ":")
					f.attrs[k] = v
				}
			case 20:
				f.charset = text
			case 21:
				longLabels = body.b
			case 22:
				longMissing = body.b
			case 3, 4:
			default:
				must(false, "extension %d", subtype)
			}
		case 999:
			r.int()
			done = true
		default:
			must(false, "record %d at %d", kind, r.at-4)
		}
	}
	must(len(slots) == elements, "%d elements, %d announced", len(slots), elements)
	must(len(measures) == len(raw), "%d display entries for %d variables", len(measures), len(raw))
	segments := map[*read]int{}
	for i := 0; i < len(raw); i++ {
		v := raw[i]
		v.measure = measures[i][0]
		segments[v] = 1
		if n := lengths[shorts[v]]; n > 0 {
			segments[v] = (n + 251) / 252
			for k := 1; k < segments[v]; k++ {
				must(raw[i+k].width == 255 || k == segments[v]-1 && raw[i+k].width == n-252*k, "segment %d of %d is %d wide", k, n, raw[i+k].width)
			}
			must(v.width == 255, "first segment")
			v.width = n
			i += segments[v] - 1
		}
		if n := long[shorts[v]]; n != "" {
			v.name = n
		}
		f.vars = append(f.vars, v)
	}
	byName := map[string]*read{}
	for _, v := range f.vars {
		must(byName[strings.ToLower(v.name)] == nil, "%s twice", v.name)
		byName[strings.ToLower(v.name)] = v
		byName[v.name] = v
	}
	for l := (&reader{b: longLabels}); l.at < len(l.b); {
		v := byName[l.str(l.int())]
		must(v != nil && l.int() == v.width, "long labels")
		for range l.int() {
			value := strings.TrimRight(l.str(l.int()), " ")
			v.values[value] = l.str(l.int())
		}
	}
	for l := (&reader{b: longMissing}); l.at < len(l.b); {
		v := byName[l.str(l.int())]
		n := int(l.bytes(1)[0])
		must(v != nil && l.int() == 8, "long missing")
		for k := range n {
			if k > 0 && string(l.b[l.at:min(l.at+4, len(l.b))]) == "\x08\x00\x00\x00" { // PSPP before 2.0
				l.int()
			}
			v.missing = append(v.missing, strings.TrimRight(l.str(8), " "))
		}
	}

	var commands []byte
	unit := func() (v any, end bool) { // float64, string of 8, or nil
		for {
			if len(commands) == 0 {
				if r.at == len(r.b) {
					return nil, true
				}
				commands = r.bytes(8)
			}
			c := commands[0]
			commands = commands[1:]
			switch c {
			case 0:
			case 252:
				return nil, true
			case 253:
				return r.str(8), false
			case 254:
				return "        ", false
			case 255:
				return nil, false
			default:
				return float64(c) - 100, false
			}
		}
	}
	for {
		var row []any
		for i, v := range f.vars {
			var whole strings.Builder
			for k := range segments[v] {
				width := v.width
				if segments[v] > 1 {
					width = 255
					if k == segments[v]-1 {
						width = v.width - 252*k
					}
				}
				for n := range max(1, (width+7)/8) {
					u, end := unit()
					if end {
						must(i == 0 && n == 0 && k == 0, "the last case is not whole")
						must(len(f.rows) == f.count, "%d cases, %d announced", len(f.rows), f.count)
						return f, nil
					}
					if v.width == 0 {
						if s, ok := u.(string); ok {
							u = math.Float64frombits(binary.LittleEndian.Uint64([]byte(s)))
						}
						row = append(row, u)
						break
					}
					s, ok := u.(string)
					must(ok, "a number in a text")
					whole.WriteString(s[:min(8, width-8*n)])
				}
			}
			if v.width > 0 {
				s := whole.String()
				row = append(row, strings.TrimRight(s[:v.width], " "))
			}
		}
		f.rows = append(f.rows, row)
	}
}
