package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"servicepoint/pocketbase-app/access"

	"github.com/pocketbase/pocketbase"
	"github.com/spf13/cobra"
)

func staffCommand(pb *pocketbase.PocketBase) *cobra.Command {
	parent := &cobra.Command{Use: "staff", Short: "Accounts of staff on a stopped instance"}
	var name, roles string
	create := &cobra.Command{
		Use:   "create EMAIL",
		Short: "Make an account; the password is read from standard input",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(pb.DataDir(), 0o750); err != nil {
				return err
			}
			unlock, err := lock(pb.DataDir())
			if err != nil {
				return err
			}
			defer unlock()
			if err := pb.Bootstrap(); err != nil {
				return err
			}
			defer pb.ClearBootstrap()
			if err := pb.RunAllMigrations(); err != nil {
				return err
			}
			fmt.Fprint(os.Stderr, "Password (12 characters or more): ")
			password, err := bufio.NewReader(os.Stdin).ReadString('\n')
			if err != nil && password == "" {
				return fmt.Errorf("no password on standard input: %w", err)
			}
			staff, err := access.CreateStaff(pb, args[0], name, strings.TrimRight(password, "\r\n"), strings.Split(roles, ","))
			if err != nil {
				return err
			}
			fmt.Println("made", staff.Email())
			return nil
		},
	}
	create.Flags().StringVar(&name, "name", "", "name as shown to colleagues")
	create.Flags().StringVar(&roles, "roles", "", "roles, separated by commas: editor, publisher, planner, counter, moderator, admin")
	create.MarkFlagRequired("name")
	create.MarkFlagRequired("roles")
	parent.AddCommand(create)
	return parent
}
