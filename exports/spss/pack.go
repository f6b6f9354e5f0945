package spss

import (
	"bufio"
	"encoding/binary"
	"math"
)

// What stands for no value at all, and for the ends of ranges.
var (
	sysmis  = -math.MaxFloat64
	highest = math.MaxFloat64
	lowest  = math.Nextafter(-math.MaxFloat64, 0)
)

// bias is what is added to small whole numbers to make a command of them.
const bias = 100

// Commands of the bytecode.
const (
	cmdEnd     = 252
	cmdFollows = 253 // the unit follows as it is
	cmdBlank   = 254
	cmdMissing = 255
)

// packer writes units of 8 bytes in bytecode compression: eight commands, then
// the units that could not be said by a command.
type packer struct {
	out      *bufio.Writer
	commands [8]byte
	n        int
	units    [64]byte
	m        int
	err      error
}

func (p *packer) command(c byte) {
	p.commands[p.n] = c
	if p.n++; p.n == len(p.commands) {
		p.flush()
	}
}

func (p *packer) flush() {
	if p.err == nil && p.n > 0 {
		clear(p.commands[p.n:])
		if _, p.err = p.out.Write(p.commands[:]); p.err == nil {
			_, p.err = p.out.Write(p.units[:p.m])
		}
	}
	p.n, p.m = 0, 0
}

func (p *packer) missing() { p.command(cmdMissing) }

func (p *packer) number(n float64) {
	if n == math.Trunc(n) && n >= 1-bias && n <= 251-bias && (n != 0 || !math.Signbit(n)) {
		p.command(byte(n + bias))
		return
	}
	binary.LittleEndian.PutUint64(p.units[p.m:], math.Float64bits(n))
	p.m += 8
	p.command(cmdFollows)
}

// text writes a text of a variable of the width: tightly packed into its
// segments, the rest blank.
func (p *packer) text(s string, width int) {
	for i := range segments(width) {
		size := segmentWidth(width, i)
		part := s[:min(len(s), size)]
		s = s[len(part):]
		for range (size + 7) / 8 {
			unit := part[:min(len(part), 8)]
			part = part[len(unit):]
			if unit == "" || unit == "        " {
				p.command(cmdBlank)
				continue
			}
			n := copy(p.units[p.m:], unit)
			for ; n < 8; n++ {
				p.units[p.m+n] = ' '
			}
			p.m += 8
			p.command(cmdFollows)
		}
	}
}

func (p *packer) end() error {
	p.command(cmdEnd)
	p.flush()
	return p.err
}
