package appointments

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Queue is what an estimate of a waiting time knows.
type Queue struct {
	Took      []time.Duration // of numbers that ended in the last hours
	Desks     int             // at work
	Busy      []time.Duration // how long the numbers being served are at it
	Ahead     int             // numbers that wait and come first
	Booked    []time.Duration // appointments to come, from now on; they go first when their time has come
	Show      float64         // share of them that are kept
	NotBefore time.Duration   // of the own appointment
}

// Range of waiting times in minutes, a multiple of five.
type Range struct{ From, To int }

// MinTook is how many measured service times an estimate needs.
const MinTook = 8

const estimateRuns = 400

// Estimate plays the queue forward many times and gives the range that holds
// eight of ten outcomes, rounded outwards. Each run draws service times from a
// resample of the measured ones, so that few measurements make a wide range.
// False: too little is known, and nothing is shown.
func (q Queue) Estimate(source rand.Source) (Range, bool) {
	if q.Desks == 0 || len(q.Took) < MinTook {
		return Range{}, false
	}
	random := rand.New(source)
	outcomes := make([]time.Duration, estimateRuns)
	sample := make([]time.Duration, len(q.Took))
	for run := range outcomes {
		for i := range sample {
			sample[i] = q.Took[random.IntN(len(q.Took))]
		}
		outcomes[run] = q.play(random, sample)
	}
	slices.Sort(outcomes)
	low, high := outcomes[estimateRuns/10], outcomes[estimateRuns*9/10]
	const five = 5 * time.Minute
	return Range{From: int(low/five) * 5, To: max(int((high+five-1)/five)*5, 5)}, high < 8*time.Hour
}

// play gives one possible waiting time.
func (q Queue) play(random *rand.Rand, sample []time.Duration) time.Duration {
	draw := func() time.Duration { return sample[random.IntN(len(sample))] }
	free := make([]time.Duration, max(q.Desks, len(q.Busy)))
	for i, spent := range q.Busy {
		var longer []time.Duration
		for _, d := range sample {
			if d > spent {
				longer = append(longer, d-spent)
			}
		}
		if len(longer) > 0 {
			free[i] = longer[random.IntN(len(longer))]
		} else {
			free[i] = draw() / 2 // longer than all: nobody knows
		}
	}
	var booked []time.Duration
	for _, at := range q.Booked {
		if random.Float64() < q.Show {
			booked = append(booked, at)
		}
	}
	ahead := q.Ahead
	for range 1000 {
		i := 0
		for j := range free {
			if free[j] < free[i] {
				i = j
			}
		}
		switch now := free[i]; {
		case len(booked) > 0 && booked[0] <= now:
			booked = booked[1:]
		case ahead > 0:
			ahead--
		case now < q.NotBefore:
			free[i] = q.NotBefore
			continue
		default:
			return now
		}
		free[i] += draw()
	}
	return 24 * time.Hour
}
