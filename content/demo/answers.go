package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"servicepoint/content"
)

// Answer is an invented answer to the survey "smart-kassel", as a client would
// send it. Its texts begin with "Beispiel:".
type Answer struct {
	ID, Day, Channel, Language string
	Answers                    map[string]any
}

// AnswersTo is the survey that [Answers] are invented for.
const AnswersTo = "smart-kassel"

// weighted is a list to draw from; weights need no sum.
type weighted []struct {
	code   string
	weight float64
}

func (w weighted) draw(r *rand.Rand) string {
	sum := 0.0
	for _, one := range w {
		sum += one.weight
	}
	at := r.Float64() * sum
	for _, one := range w {
		if at -= one.weight; at < 0 {
			return one.code
		}
	}
	return w[len(w)-1].code
}

// some draws each code by itself, with its weight as its probability times more.
func (w weighted) some(r *rand.Rand, more float64) (codes []string) {
	for _, one := range w {
		if r.Float64() < one.weight*more {
			codes = append(codes, one.code)
		}
	}
	return codes
}

// Roughly the districts' shares of the population; the rest is made up.
var (
	demoDistricts = weighted{{"mitte", 5}, {"suedstadt", 4}, {"vorderer_westen", 11}, {"wehlheiden", 9}, {"bad_wilhelmshoehe", 8}, {"brasselsberg", 3}, {"suesterfeld_helleboehn", 4},
		{"harleshausen", 8}, {"kirchditmold", 7}, {"rothenditmold", 4}, {"nord_holland", 7}, {"philippinenhof_warteberg", 3}, {"fasanenhof", 5}, {"wesertor", 5}, {"wolfsanger_hasenhecke", 4},
		{"bettenhausen", 5}, {"forstfeld", 4}, {"waldau", 4}, {"niederzwehren", 6}, {"oberzwehren", 6}, {"nordshausen", 1}, {"jungfernkopf", 2}, {"unterneustadt", 2}}
	demoAges     = weighted{{"under_18", 4}, {"from_18", 22}, {"from_30", 26}, {"from_45", 24}, {"from_60", 17}, {"from_75", 7}}
	demoThemes   = weighted{{"mobility", 5}, {"living", 4}, {"energy", 3}, {"work", 2}}
	demoUses     = weighted{{"advice", .45}, {"terminals", .35}, {"dokbox", .25}, {"vr", .12}, {"city_map", .2}, {"events", .28}}
	demoServices = weighted{{"documents", .5}, {"vehicle", .3}, {"tickets", .4}, {"housing", .2}, {"waste", .35}, {"meter", .2}, {"report", .25}}
	demoFormats  = weighted{{"online_survey", .6}, {"workshop", .2}, {"neighbourhood_lab", .18}, {"citizens_assembly", .15}, {"evening", .25}, {"crowdfunding", .07}}
	demoNews     = weighted{{"website", 5}, {"email", 4}, {"press", 3}, {"social", 4}, {"poster", 2}, {"personal", 2}}
	demoSteps    = []string{"mehr sichere Radwege", "Busse auch am Abend alle 15 Minuten", "mehr Bäume und Bänke", "Anträge ganz ohne Papier", "bezahlbare Wohnungen", "freies WLAN an Haltestellen", "Solardächer auf Schulen"}
	demoImprove  = []string{"länger geöffnet am Donnerstag", "mehr Sitzplätze", "Termine auch am Samstag", "Hilfe in mehr Sprachen"}
)

// Answers invents answers of the weeks before now, no earlier than since. The same
// arguments give the same answers.
func Answers(since, now time.Time, n int) []Answer {
	r := rand.New(rand.NewChaCha8([32]byte{'d', 'e', 'm', 'o'}))
	last := now.In(content.Berlin)
	if first := last.AddDate(0, 0, -56); since.Before(first) {
		since = first
	}
	if since.After(now) {
		return nil
	}
	days := int(now.Sub(since) / (24 * time.Hour))
	list := make([]Answer, n)
	for i := range list {
		list[i] = answer(r, last.AddDate(0, 0, -int(float64(days+1)*math.Pow(r.Float64(), .8))))
	}
	return list
}

func answer(r *rand.Rand, day time.Time) Answer {
	age := demoAges.draw(r)
	old := age == "from_60" || age == "from_75"
	channels := weighted{{"web", 76}, {"terminal", 13}, {"tablet", 8}, {"paper", 2}, {"phone", 1}}
	if old {
		channels = weighted{{"web", 40}, {"terminal", 15}, {"tablet", 13}, {"paper", 24}, {"phone", 8}}
	}
	a := map[string]any{}
	one := Answer{Day: day.Format(time.DateOnly), Channel: channels.draw(r), Language: weighted{{"de", 90}, {"en", 6}, {"ls", 4}}.draw(r), Answers: a}
	var id [16]byte
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	one.ID = fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])

	themes := []string{demoThemes.draw(r)}
	if second := demoThemes.draw(r); second != themes[0] && r.Float64() < .8 {
		themes = append(themes, second)
	}
	a["important_themes"] = themes
	if r.Float64() < .22 {
		a["next_step"] = "Beispiel: " + demoSteps[r.IntN(len(demoSteps))]
	}
	if uses := demoUses.some(r, 1); len(uses) > 0 {
		a["use"], a["visits"] = uses, float64(1+r.IntN(6))
		mood := 3.6
		if one.Channel == "terminal" {
			mood = 4
		}
		a["satisfaction"] = math.Round(min(5, max(1, mood+r.NormFloat64())))
		if r.Float64() < .12 {
			a["improve"] = "Beispiel: " + demoImprove[r.IntN(len(demoImprove))]
		}
	} else {
		a["use"] = []string{"not_used"}
	}
	more, sure := 1.0, 3.9
	if old {
		more, sure = .6, 2.9
	}
	if services := demoServices.some(r, more); len(services) > 0 {
		a["services"] = services
	} else {
		a["services"] = []string{"none"}
	}
	if r.Float64() < .93 {
		a["confidence"] = math.Round(min(5, max(1, sure+r.NormFloat64())))
	}
	if formats := demoFormats.some(r, 1); len(formats) > 0 {
		a["formats"] = formats
	} else {
		a["formats"] = []string{"none"}
	}
	if r.Float64() < .9 {
		a["news_channel"] = demoNews.draw(r)
	}
	if r.Float64() < .94 {
		a["district"] = demoDistricts.draw(r)
	}
	if r.Float64() < .96 {
		a["age_group"] = age
	}
	return one
}
