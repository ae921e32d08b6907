/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The names on the bus: where the service is found, and the errors that it answers with. The one
 * place for both, in the service and in the client.
 */

#include <systemd/sd-bus.h>

#include "outcome.h"

#define BUS_NAME "org.mtrpacket.MtrPacket1"
#define BUS_PATH "/org/mtrpacket/MtrPacket1"
#define BUS_INTERFACE "org.mtrpacket.MtrPacket1"

/* The bus itself. */
#define BUS_DRIVER_NAME "org.freedesktop.DBus"
#define BUS_DRIVER_PATH "/org/freedesktop/DBus"
#define BUS_DRIVER_INTERFACE "org.freedesktop.DBus"

#define BUS_ERROR_HOST_RESOLVE BUS_INTERFACE ".Error.HostResolve"
#define BUS_ERROR_PROCESS BUS_INTERFACE ".Error.Process"
#define BUS_ERROR_STATE BUS_INTERFACE ".Error.State"
#define BUS_ERROR_CANCELLED BUS_INTERFACE ".Error.Cancelled"

/**
 * bus_error_name() - the D-Bus error for an outcome
 * @outcome: any but OUTCOME_OK
 *
 * Return: the error's name, static.
 */
const char *bus_error_name(Outcome outcome);

/**
 * bus_error_register() - make sd-bus know the errnos of this interface's own errors
 *
 * After this, sd_bus_error_get_errno() tells them apart: HostResolve is EHOSTUNREACH, Process EIO,
 * State EBADFD, Cancelled ECANCELED. The standard errors keep sd-bus's own (InvalidArgs EINVAL,
 * NotSupported EOPNOTSUPP, AccessDenied and InteractiveAuthorizationRequired EACCES, LimitsExceeded
 * ENOBUFS, NoMemory ENOMEM). Call it once, first thing in
 * main().
 */
void bus_error_register(void);
