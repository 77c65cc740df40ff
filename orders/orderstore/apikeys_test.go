package orderstore_test

import (
	"testing"

	"hubbub/internal/testenv"
	"hubbub/orders/orderstest"
)

func TestKeyStore(t *testing.T) {
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "mariadb": testenv.SharedMariaDB(t).NewDatabase(t)} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, url)
			orderstest.TestKeyStore(t, s)
		})
	}
}
