package condition_test

import (
	"fmt"

	"servicepoint/content/survey/condition"
)

func Example() {
	showIf, err := condition.Parse([]byte(`{"and": [
		{"in": [{"var": "district"}, ["nord", "mitte"]]},
		{">":  [{"/": [{"var": "rent"}, {"var": "area"}]}, 12]}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(showIf.Vars())
	fmt.Println(showIf.Holds(map[string]any{"district": "nord", "rent": 900.0, "area": 60.0}))
	fmt.Println(showIf.Holds(map[string]any{"district": "nord", "rent": 900.0})) // no area, no quotient

	_, err = condition.Parse([]byte(`{"and": [{"like": [{"var": "district"}, "n%"]}]}`))
	fmt.Println(err)
	// Output:
	// [area district rent]
	// true
	// false
	// condition: /and/0: operator operator=like
}
