package disclosure

import "slices"

// Other surveys may have been answered by the same people. What was shown of those
// is [Table.Foreign] here: as far as the same groups of the same variables are as
// large, somebody must be expected to take them for the same people.

// Same reports whether a table that was shown of another survey may be about the
// people of a count of the same groups, or about all but a few of them.
func (t Table) Same(own Table) bool {
	return t.near(own) != "" || t.equal(own)
}

// equal compares as far as who sees both tables can.
func (t Table) equal(own Table) bool {
	if t.Base != own.Base {
		return false
	}
	if len(t.Axes) > 1 {
		return slices.EqualFunc(t.Margins, own.Margins, slices.Equal)
	}
	for i, n := range t.N {
		if n != Hidden && n != own.N[i] {
			return false
		}
	}
	return true
}

// near names a group that differs by fewer than [LeastGroup] people: the difference
// of the tables would tell of them. Where everybody together is as many, people have
// changed their minds, and none has come or gone.
func (t Table) near(own Table) (cell string) {
	few := func(theirs, ours int) bool {
		d := theirs - ours
		return d != 0 && -LeastGroup < d && d < LeastGroup
	}
	if few(t.Base, own.Base) {
		return "all"
	}
	if t.Base == own.Base || len(t.Axes) == 1 {
		return ""
	}
	for k, margin := range t.Margins {
		for g, n := range margin {
			if few(n, own.Margins[k][g]) {
				return t.Axes[k].Groups[g][0]
			}
		}
	}
	return ""
}
