// Package libvirt stands in for libvirt.org/go/libvirt, so that minikube builds without a C compiler.
//
// Minikube's kvm2 driver is the only caller. seatrial runs minikube with the docker driver; here every connection to
// libvirt fails with a sentence, and kvm2 is therefore reported as not available. Only what kvm2 names is declared.
package libvirt

import "errors"

var errAbsent = errors.New("this minikube was built by seatrial without libvirt: use --driver=docker")

type ErrorNumber int

const (
	ERR_OK             ErrorNumber = 0
	ERR_INTERNAL_ERROR ErrorNumber = 1
	ERR_NO_NETWORK     ErrorNumber = 43
)

type Error struct {
	Code    ErrorNumber
	Message string
}

func (e Error) Error() string { return e.Message }

type DomainState int

const (
	DOMAIN_NOSTATE DomainState = iota
	DOMAIN_RUNNING
	DOMAIN_BLOCKED
	DOMAIN_PAUSED
	DOMAIN_SHUTDOWN
	DOMAIN_SHUTOFF
	DOMAIN_CRASHED
	DOMAIN_PMSUSPENDED
)

type (
	ConnectListAllDomainsFlags     uint
	DomainXMLFlags                 uint
	DomainInterfaceAddressesSource uint
	DomainShutdownFlags            uint
	DomainUndefineFlagsValues      uint
	NetworkUpdateCommand           uint
	NetworkUpdateSection           uint
	NetworkUpdateFlags             uint
)

const (
	DOMAIN_XML_SECURE                    DomainXMLFlags                 = 1
	DOMAIN_XML_INACTIVE                  DomainXMLFlags                 = 2
	DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE DomainInterfaceAddressesSource = 0
	DOMAIN_INTERFACE_ADDRESSES_SRC_ARP   DomainInterfaceAddressesSource = 2
	DOMAIN_SHUTDOWN_DEFAULT              DomainShutdownFlags            = 0
	DOMAIN_SHUTDOWN_ACPI_POWER_BTN       DomainShutdownFlags            = 1
	DOMAIN_UNDEFINE_KEEP_NVRAM           DomainUndefineFlagsValues      = 8
	NETWORK_UPDATE_COMMAND_DELETE        NetworkUpdateCommand           = 2
	NETWORK_UPDATE_COMMAND_ADD_LAST      NetworkUpdateCommand           = 3
	NETWORK_SECTION_IP_DHCP_HOST         NetworkUpdateSection           = 4
	NETWORK_UPDATE_AFFECT_LIVE           NetworkUpdateFlags             = 1
	NETWORK_UPDATE_AFFECT_CONFIG         NetworkUpdateFlags             = 2
)

type DomainIPAddress struct {
	Addr   string
	Prefix uint
}

type DomainInterface struct {
	Name   string
	Hwaddr string
	Addrs  []DomainIPAddress
}

type NetworkDHCPLease struct {
	Iface    string
	Mac      string
	IPaddr   string
	Hostname string
}

type Connect struct{}

func NewConnect(string) (*Connect, error)                                    { return nil, errAbsent }
func (*Connect) Close() (int, error)                                         { return 0, errAbsent }
func (*Connect) GetLibVersion() (uint32, error)                              { return 0, errAbsent }
func (*Connect) DomainDefineXML(string) (*Domain, error)                     { return nil, errAbsent }
func (*Connect) LookupDomainByName(string) (*Domain, error)                  { return nil, errAbsent }
func (*Connect) ListDefinedDomains() ([]string, error)                       { return nil, errAbsent }
func (*Connect) LookupNetworkByName(string) (*Network, error)                { return nil, errAbsent }
func (*Connect) NetworkDefineXML(string) (*Network, error)                   { return nil, errAbsent }
func (*Connect) ListAllDomains(ConnectListAllDomainsFlags) ([]Domain, error) { return nil, errAbsent }

type Domain struct{}

func (*Domain) Create() error                                 { return errAbsent }
func (*Domain) Destroy() error                                { return errAbsent }
func (*Domain) Free() error                                   { return errAbsent }
func (*Domain) GetName() (string, error)                      { return "", errAbsent }
func (*Domain) GetState() (DomainState, int, error)           { return DOMAIN_NOSTATE, 0, errAbsent }
func (*Domain) GetXMLDesc(DomainXMLFlags) (string, error)     { return "", errAbsent }
func (*Domain) Resume() error                                 { return errAbsent }
func (*Domain) Shutdown() error                               { return errAbsent }
func (*Domain) ShutdownFlags(DomainShutdownFlags) error       { return errAbsent }
func (*Domain) Suspend() error                                { return errAbsent }
func (*Domain) UndefineFlags(DomainUndefineFlagsValues) error { return errAbsent }
func (*Domain) ListAllInterfaceAddresses(DomainInterfaceAddressesSource) ([]DomainInterface, error) {
	return nil, errAbsent
}

type Network struct{}

func (*Network) Create() error                              { return errAbsent }
func (*Network) Destroy() error                             { return errAbsent }
func (*Network) Free() error                                { return errAbsent }
func (*Network) GetDHCPLeases() ([]NetworkDHCPLease, error) { return nil, errAbsent }
func (*Network) GetXMLDesc(DomainXMLFlags) (string, error)  { return "", errAbsent }
func (*Network) IsActive() (bool, error)                    { return false, errAbsent }
func (*Network) GetAutostart() (bool, error)                { return false, errAbsent }
func (*Network) SetAutostart(bool) error                    { return errAbsent }
func (*Network) Undefine() error                            { return errAbsent }
func (*Network) Update(NetworkUpdateCommand, NetworkUpdateSection, int, string, NetworkUpdateFlags) error {
	return errAbsent
}
