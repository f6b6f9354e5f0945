package hooks

import (
	"errors"
	"strings"
)

// SMS is the payload of an order to the provider "sms".
type SMS struct {
	To   string `json:"to"` // E.164, see [E164]
	Text string `json:"text"`
}

// LongestSMS is how many segments a text may have.
const LongestSMS = 6

// ErrPhone is the answer to what is no telephone number.
var ErrPhone = errors.New("no telephone number")

// E164 writes a telephone number as E.164 asks: "+" and 7 to 15 digits. It reads
// what people in Germany write: blanks, hyphens, brackets, slashes, "00" or "0" in
// front, "(0)" behind the country's code.
func E164(s string) (string, error) {
	s = strings.TrimSpace(s)
	s = strings.ReplaceAll(s, "(0)", "")
	var b strings.Builder
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && i == 0:
			b.WriteRune(r)
		case strings.ContainsRune(" -/().\u00a0\u202f\u2011\u2013", r):
		default:
			return "", ErrPhone
		}
	}
	n := b.String()
	switch {
	case strings.HasPrefix(n, "+"):
		n = n[1:]
	case strings.HasPrefix(n, "00"):
		n = n[2:]
	case strings.HasPrefix(n, "0"):
		n = "49" + n[1:]
	default:
		return "", ErrPhone
	}
	if len(n) < 7 || len(n) > 15 || n[0] == '0' {
		return "", ErrPhone
	}
	return "+" + n, nil
}

// The default alphabet of GSM 03.38 and its extension, whose letters take two
// places.
const (
	gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Extension = "\f^{}\\[~]|€"
)

// Segments counts the short messages that a text takes: 160 places of the GSM
// alphabet or 70 of UCS-2 in one, 153 or 67 in each of several. A letter of two
// places is never cut apart.
func Segments(text string) (n int, ucs2 bool) {
	var places []int
	total := 0
	for _, r := range text {
		w := 1
		if strings.ContainsRune(gsm7Extension, r) {
			w = 2
		} else if !strings.ContainsRune(gsm7, r) {
			ucs2 = true
			break
		}
		places = append(places, w)
		total += w
	}
	one, each := 160, 153
	if ucs2 {
		one, each, total, places = 70, 67, 0, nil
		for _, r := range text {
			w := 1
			if r > 0xffff { // a pair in UTF-16
				w = 2
			}
			places = append(places, w)
			total += w
		}
	}
	if total <= one {
		return 1, ucs2
	}
	n, free := 0, 0
	for _, w := range places {
		if free < w {
			n, free = n+1, each
		}
		free -= w
	}
	return n, ucs2
}
