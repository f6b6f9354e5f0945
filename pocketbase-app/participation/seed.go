package participation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"servicepoint/content/demo"
	"servicepoint/content/survey"
)

// SeedDemo stores invented answers to the survey of the demo, n of them, when it
// has none: checked and written like those of people.
func (pt *Participation) SeedDemo(ctx context.Context, n int) error {
	q, err := pt.surveys.find(demo.AnswersTo)
	if err != nil || n == 0 {
		return err
	}
	var has bool
	if err := pt.p.App.DB().NewQuery(`SELECT EXISTS (SELECT 1 FROM responses WHERE survey = {:survey})`).
		Bind(map[string]any{"survey": q.Slug}).WithContext(ctx).Row(&has); err != nil || has {
		return err
	}
	var storing sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	free := make(chan struct{}, groupSize)
	for _, a := range demo.Answers(q.Opens, pt.p.Now(), n) {
		free <- struct{}{}
		storing.Go(func() {
			defer func() { <-free }()
			if err := pt.seed(ctx, q.Questionnaire, a); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	storing.Wait()
	return errors.Join(errs...)
}

func (pt *Participation) seed(ctx context.Context, q survey.Questionnaire, a demo.Answer) error {
	sent := submission{Language: a.Language, Channel: a.Channel}
	b, err := json.Marshal(a.Answers)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &sent.Answers); err != nil {
		return err
	}
	answers, problems := sent.check(q)
	if len(problems) > 0 {
		return fmt.Errorf("invented answer %s: %w", a.ID, problems.Err())
	}
	_, err = pt.put(ctx, q, answers, entry{id: a.ID, language: a.Language, channel: a.Channel, day: a.Day})
	return err
}
