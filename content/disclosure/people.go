package disclosure

import (
	"fmt"
	"slices"
	"strings"
)

// People are those who are counted: for each one the block and the answers that
// any table is about. Make them with [NewPeople].
type People struct {
	block []int
	codes map[string][]string
	at    map[string][]int16 // of every person the place in codes, -1 for none of them
	keys  []string
}

// NewPeople begins with nobody; codes are the variables and what may be answered.
func NewPeople(codes map[string][]string) *People {
	p := &People{codes: codes, at: map[string][]int16{}}
	for key := range codes {
		p.keys = append(p.keys, key)
	}
	slices.Sort(p.keys)
	return p
}

// Add adds one person, who gave value(key) or, with "", none of the codes. Blocks
// are counted from 1: a table counts all blocks up to one.
func (p *People) Add(block int, value func(key string) string) {
	p.block = append(p.block, block)
	for _, key := range p.keys {
		p.at[key] = append(p.at[key], int16(slices.Index(p.codes[key], value(key))))
	}
}

// Len is how many they are.
func (p *People) Len() int { return len(p.block) }

// Axis is one variable of a table. Codes that are counted together are a group.
type Axis struct {
	Key    string     `json:"key"`
	Groups [][]string `json:"groups"`
}

// Alone makes an axis on which every code is a group of its own.
func Alone(key string, codes []string) Axis {
	a := Axis{Key: key}
	for _, c := range codes {
		a.Groups = append(a.Groups, []string{c})
	}
	return a
}

// Group is the place of the group with a code, -1 when there is none.
func (a Axis) Group(code string) int {
	return slices.IndexFunc(a.Groups, func(g []string) bool { return slices.Contains(g, code) })
}

func (a Axis) String() string {
	var b strings.Builder
	b.WriteString(a.Key)
	for _, g := range a.Groups {
		b.WriteString("|" + strings.Join(g, "+"))
	}
	return b.String()
}

// Table is what was or would be shown: of one variable, or of two and more
// against each other. It holds who gave a code of every axis.
type Table struct {
	Axes    []Axis  `json:"axes"`
	N       []int   `json:"n"`       // the last axis runs fastest; [Hidden] where nothing is shown
	Base    int     `json:"base"`    // people in it
	Margins [][]int `json:"margins"` // people in every group of every axis: never shown, the next table is compared with them
	Block   int     `json:"block"`   // the last block counted
	Foreign bool    `json:"-"`       // shown of another survey of the same circle of people
}

// sign tells tables of the same groups apart from others.
func (t Table) sign() string {
	s := make([]string, len(t.Axes))
	for i, a := range t.Axes {
		s[i] = a.String()
	}
	return strings.Join(s, " × ")
}

// Name names the table by its variables.
func (t Table) Name() string {
	s := make([]string, len(t.Axes))
	for i, a := range t.Axes {
		s[i] = a.Key
	}
	return strings.Join(s, " × ")
}

// Cell names a cell by its codes.
func (t Table) Cell(i int) string {
	var s []string
	for k := len(t.Axes) - 1; k >= 0; k-- {
		groups := t.Axes[k].Groups
		s = append(s, strings.Join(groups[i%len(groups)], "+"))
		i /= len(groups)
	}
	slices.Reverse(s)
	return strings.Join(s, " × ")
}

func (t Table) key(k string) int {
	return slices.IndexFunc(t.Axes, func(a Axis) bool { return a.Key == k })
}

// places gives the group of every person on an axis.
func (p *People) places(a Axis) ([]int16, error) {
	at, known := p.at[a.Key]
	if !known && p.codes[a.Key] == nil {
		return nil, fmt.Errorf("disclosure: nothing is known of %s", a.Key)
	}
	group := make([]int16, len(p.codes[a.Key]))
	for i, code := range p.codes[a.Key] {
		group[i] = int16(a.Group(code))
	}
	out := make([]int16, len(p.block))
	for i, v := range at {
		if out[i] = -1; v >= 0 {
			out[i] = group[v]
		}
	}
	return out, nil
}

// Count counts without hiding anything: a table that nobody may see.
func (p *People) Count(block int, axes ...Axis) (Table, error) {
	t := Table{Axes: axes, Block: block}
	size := 1
	places := make([][]int16, len(axes))
	for k, a := range axes {
		var err error
		if places[k], err = p.places(a); err != nil {
			return t, err
		}
		size *= len(a.Groups)
		t.Margins = append(t.Margins, make([]int, len(a.Groups)))
	}
	t.N = make([]int, size)
	for i, b := range p.block {
		cell, in := 0, b <= block
		for k := range axes {
			at := places[k][i]
			in = in && at >= 0
			cell = cell*len(axes[k].Groups) + int(at)
		}
		if !in {
			continue
		}
		t.N[cell]++
		t.Base++
		for k := range axes {
			t.Margins[k][places[k][i]]++
		}
	}
	return t, nil
}

// Apart reports whether a table may be counted anew after an older one of the
// same groups: everybody, and every group of an axis, is the same as before or
// has grown by at least [LeastGroup].
func Apart(before, now Table) bool {
	if before.sign() != now.sign() {
		return false
	}
	for k := range now.Margins {
		if !Grown(before.Margins[k], now.Margins[k]) {
			return false
		}
	}
	return Grown([]int{before.Base}, []int{now.Base})
}

// Grown is [Apart] for numbers of people.
func Grown(before, now []int) bool {
	if len(before) != len(now) {
		return false
	}
	for i := range now {
		if d := now[i] - before[i]; d < 0 || d > 0 && d < LeastGroup {
			return false
		}
	}
	return true
}

// Merged makes an axis of a filter: codes that fewer than [LeastGroup] gave are one
// group, with the smallest other one when they are still too few. n are the people
// of every code.
func Merged(key string, codes []string, n []int) Axis {
	a := Axis{Key: key}
	var small []string
	few := 0
	size := map[int]int{} // of the groups
	for i, code := range codes {
		if n[i] >= LeastGroup {
			size[len(a.Groups)] = n[i]
			a.Groups = append(a.Groups, []string{code})
		} else {
			small, few = append(small, code), few+n[i]
		}
	}
	switch {
	case len(small) == 0:
	case few >= LeastGroup || len(a.Groups) == 0 || few == 0:
		a.Groups = append(a.Groups, small)
	default:
		least := 0
		for i, s := range size {
			if s < size[least] || s == size[least] && i < least {
				least = i
			}
		}
		a.Groups[least] = append(a.Groups[least], small...)
	}
	return a
}
