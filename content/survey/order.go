package survey

import (
	"hash/fnv"
	"math/rand/v2"
)

// MaxSeed is the greatest seed of a random order: 16 bits are enough for
// balance and too few to tell one person from another.
const MaxSeed = 1<<16 - 1

// Order gives the order in which the options of an item (the rows of a matrix)
// are shown to who has this seed: indices. Fixed, exclusive and "other" options
// keep their places. One seed gives one order for ever.
func (it *Item) Order(seed int) []int {
	list := it.Choices()
	if it.IsMatrix() {
		list = it.Rows
	}
	return shuffled(it.Random, seed, it.Code, len(list), func(i int) bool {
		return list[i].Fixed || list[i].Exclusive || list[i].Other
	})
}

// Order gives the order in which the items of a page are shown to who has this
// seed: indices. Texts between the questions keep their places.
func (p *Page) Order(seed int) []int {
	return shuffled(p.Random, seed, p.Code, len(p.Items), func(i int) bool { return p.Items[i].Type == Info })
}

// shuffled is the shuffle of Fisher and Yates over the places that are not
// fixed, with PCG from the seed and the name: other names, other orders.
func shuffled(random bool, seed int, name string, n int, fixed func(int) bool) []int {
	order := make([]int, n)
	var places []int
	for i := range order {
		order[i] = i
		if random && !fixed(i) {
			places = append(places, i)
		}
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	pcg := rand.NewPCG(uint64(seed), h.Sum64())
	for i := len(places) - 1; i > 0; i-- {
		j := int(pcg.Uint64() % uint64(i+1))
		order[places[i]], order[places[j]] = order[places[j]], order[places[i]]
	}
	return order
}
